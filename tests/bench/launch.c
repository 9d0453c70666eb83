// launch N PROGRAM ARGUMENT...: runs a program N times and prints for each the nanoseconds from before it is started
// until it has ended, and its peak memory in KiB. (The peak of a process started by a large one would be that of the
// large one.)
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    for (int i = 0; i < atoi(argv[1]); i++) {
        struct rusage usage;
        int status;
        long long start = now();
        pid_t pid = fork();
        if (pid == 0) {
            execvp(argv[2], argv + 2);
            _exit(127);
        }
        if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
            return 1;
        printf("%lld %ld\n", now() - start, usage.ru_maxrss);
    }
    return 0;
}
