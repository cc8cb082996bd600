#include "common/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIPE_SIZE = 1 << 20 };

struct pump {
    pthread_t thread;
    int from, to;
    int reading; /* the pipe's end, where it is not standard input; else -1 */
    int fault;   /* errno of a failed read */
    size_t at, end;
    unsigned char buffer[IO_BUFFER];
};

/* Writes what is buffered; false where nobody reads any more. */
static bool empty_buffer(struct pump *pump)
{
    while (pump->at < pump->end) {
        const ssize_t n = write(pump->to, pump->buffer + pump->at, pump->end - pump->at);
        if (n < 0 && errno != EINTR)
            return false;
        pump->at += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void *copy(void *argument)
{
    struct pump *pump = argument;
    while (empty_buffer(pump)) {
        const ssize_t n = read(pump->from, pump->buffer, sizeof pump->buffer);
        if (n < 0 && errno == EINTR)
            continue;
        pump->fault = n < 0 ? errno : 0;
        if (n <= 0)
            break;
        pump->at = 0;
        pump->end = (size_t)n;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); /* close(2) could be cancelled too */
    close(pump->to);
    pump->to = -1;
    return NULL;
}

/* The thread gets no SIGPIPE: that the reader has stopped is no reason to end the program. */
static int start_thread(struct pump *pump, struct error *error)
{
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    errno = pthread_create(&pump->thread, NULL, copy, pump);
    const int status = errno ? fail_errno(error, "can't start a thread") : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static int place_ends(struct pump *pump, int ends[2], int fd, struct error *error)
{
    pump->to = ends[1];
    pump->reading = ends[0];
    pump->from = fd;
    if (fd != STDIN_FILENO)
        return 0;
    pump->from = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (pump->from < 0 || dup2(ends[0], STDIN_FILENO) < 0)
        return fail_errno(error, "standard input");
    close(ends[0]);
    pump->reading = -1;
    return 0;
}

int pump_start(struct pump **pump, const struct input *input, int *fd, struct error *error)
{
    int ends[2];
    struct pump *made = calloc(1, sizeof *made);
    if (!made)
        return fail_memory(error, sizeof *made);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        free(made);
        return fail_errno(error, "pipe");
    }
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* fewer switches between threads, where allowed */
    made->end = input->end - input->at;
    memcpy(made->buffer, input->buffer + input->at, made->end);
    int status = place_ends(made, ends, input->fd, error);
    if (status == 0)
        status = start_thread(made, error);
    if (status < 0) {
        close(ends[1]);
        free(made);
        return status;
    }
    *fd = made->reading;
    *pump = made;
    return 0;
}

int pump_stop(struct pump *pump, struct error *error)
{
    if (!pump)
        return 0;
    pthread_cancel(pump->thread); /* reading and writing can be cancelled */
    pthread_join(pump->thread, NULL);
    if (pump->to >= 0)
        close(pump->to);
    close(pump->from);
    if (pump->reading >= 0)
        close(pump->reading);
    errno = pump->fault;
    free(pump);
    return errno ? fail_errno(error, "read failed") : 0;
}
