/* The table that --log keeps of a training. */
#include "common/training_log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int cut_log(FILE *log, uint64_t done)
{
    char line[256];
    long whole = 0;
    while (fgets(line, sizeof line, log) && strchr(line, '\n')) {
        char *end;
        const unsigned long long epoch = strtoull(line, &end, 10);
        if (whole > 0 && (end == line || epoch > done))
            break;
        whole = ftell(log);
    }
    return fseek(log, whole, SEEK_SET) < 0 ? -1 : ftruncate(fileno(log), whole);
}

int training_log_open(
    FILE **log, const char *name, uint64_t done, bool goes_on, struct error *error)
{
    *log = goes_on ? fopen(name, "r+e") : NULL;
    if (!*log)
        *log = fopen(name, "we");
    if (!*log || (goes_on && cut_log(*log, done) < 0))
        return fail_errno(error, "%s", name);
    if (ftell(*log) <= 0)
        fputs("epoch\tloss\taccuracy\tvalidation_loss\tvalidation_accuracy\trate\tseconds\n",
            *log);
    return fflush(*log) != 0 ? fail_errno(error, "%s", name) : 0;
}

int training_log_epoch(FILE *log, uint64_t epoch, double loss, double accuracy,
    const double *validation_loss, double validation_accuracy, double rate, double seconds)
{
    fprintf(log, "%llu\t%.6f\t%.6f", (unsigned long long)epoch, loss, accuracy);
    if (validation_loss)
        fprintf(log, "\t%.6f\t%.6f", *validation_loss, validation_accuracy);
    else
        fputs("\t\t", log);
    fprintf(log, "\t%.1f\t%.1f\n", rate, seconds);
    return fflush(log) != 0 || ferror(log) ? -1 : 0;
}
