#include "formats/pickle_stack.h"

#include <ctype.h>
#include <stdio.h>

/* Modules of what no state dict needs and what means harm does: who names them is refused,
 * though nothing would be run. */
static bool is_harmful(const struct pickle *pickle, const struct pickle_value *global)
{
    static const char *const modules[] = { "os", "posix", "nt", "subprocess", "sys", "shutil",
        "socket", "pty", "runpy", "importlib", "ctypes", "commands", "webbrowser", "code",
        "multiprocessing", "pip" };
    static const char *const builtins[] = { "eval", "exec", "execfile", "compile", "open",
        "__import__", "getattr", "setattr", "apply", "input", "globals", "breakpoint" };
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
        if (pickle_is_text(pickle, global->module, modules[i]))
            return true;
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (pickle_is_text(pickle, global->function, builtins[i])
            && (pickle_is_text(pickle, global->module, "builtins")
                || pickle_is_text(pickle, global->module, "__builtin__")))
            return true;
    return false;
}

static int refuse_harmful(const struct pickle_reader *reader, const struct pickle_value *global)
{
    char text[200];
    size_t module, function;
    const char *from = pickle_text(reader->pickle, global->module, &module);
    const char *what = pickle_text(reader->pickle, global->function, &function);
    snprintf(text, sizeof text, "%.*s.%.*s", module < 80 ? (int)module : 80, from,
        function < 80 ? (int)function : 80, what);
    for (char *at = text; *at; at++)
        *at = iscntrl((unsigned char)*at) ? '?' : *at;
    return fail(reader->error, BAD_INPUT,
        "%s: refused: its pickle names %s, which no state dict needs", reader->path, text);
}

int pickle_refuse_harm(const struct pickle_reader *reader, const struct pickle_value *global)
{
    return is_harmful(reader->pickle, global) ? refuse_harmful(reader, global) : 0;
}
