/* What of an earlier run lies where this one begins. */
#include "common/training_start.h"

#include <stdio.h>
#include <unistd.h>

int training_state_path(char *path, size_t room, const char *output, struct error *error)
{
    const size_t stem = checkpoint_stem(output);
    const int written = output[stem]
                            ? snprintf(path, room, "%.*s.state", (int)stem, output)
                            : snprintf(path, room, "%s/training.state", output);
    return (size_t)written < room ? 0 : fail(error, BAD_USAGE, "-o: the name is too long");
}

int training_look(const struct training *training, const char *state, struct error *error)
{
    char text[512];
    uint64_t epoch, epochs;
    const bool there = access(state, F_OK) == 0;
    int status = 0;
    *text = '\0';
    if (training->resume && !there)
        status = checkpoint_finished(training->output, training->recipe, error);
    if (status == 1)
        snprintf(
            text, sizeof text, "%s is trained already, by this recipe", training->output);
    if (!training->resume && there && state_about(state, &epoch, &epochs))
        snprintf(text, sizeof text,
            "%.300s has a run at epoch %llu of %llu: begun anew (--resume goes on with it)",
            training->output, (unsigned long long)epoch + 1, (unsigned long long)epochs);
    if (*text)
        training->say(training->argument, text);
    return status;
}
