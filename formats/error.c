#include "formats/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(struct error *error, int kind, const char *format, ...)
{
    char text[sizeof error->text]; /* the arguments may point into error itself */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(error->text, text, sizeof text);
    return kind;
}

int fail_errno(struct error *error, const char *format, ...)
{
    const int cause = errno;
    char text[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fail(error, BAD_SYSTEM, "%.900s: %.100s", text, strerror(cause));
}

int fail_memory(struct error *error, unsigned long long bytes)
{
    return fail(error, BAD_SYSTEM, "out of memory: %llu bytes", bytes);
}
