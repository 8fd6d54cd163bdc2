// The clock of the wall, turned at run time: for LD_PRELOAD. $TURNED_CLOCKS is a folder with a file per
// program, named like it, e.g. `postgres`. The file's eight bytes are the nanoseconds by which that program's
// CLOCK_REALTIME is turned. CLOCK_MONOTONIC is left alone.
//
// libfaketime won't do: absl waits by futex for a time of CLOCK_REALTIME, which libfaketime leaves to the
// kernel's clock. Here such a wait ends as it would in the kernel: when the turned clock has come to that
// time. After a turn back by an hour, it lasts an hour longer.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t kSecond = 1000000000;
static const int64_t kSlice = 20000000;  // how soon a wait notices a turn

static volatile const int64_t* offset_file;
static int (*real_clock_gettime)(clockid_t, struct timespec*);
static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void Start(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_syscall = dlsym(RTLD_NEXT, "syscall");
  const char* folder = getenv("TURNED_CLOCKS");
  char path[4096];
  if (folder == NULL) return;
  const int size = snprintf(path, sizeof path, "%s/%s", folder, program_invocation_short_name);
  if (size < 0 || size >= (int)sizeof path) return;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  void* mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (mapped != MAP_FAILED) offset_file = mapped;
}

static int64_t Offset(void) { return offset_file == NULL ? 0 : *offset_file; }

static int64_t NanosOf(const struct timespec* time) { return time->tv_sec * kSecond + time->tv_nsec; }

static struct timespec TimeOf(int64_t nanos) {
  return (struct timespec){.tv_sec = nanos / kSecond, .tv_nsec = nanos % kSecond};
}

static int RealTime(clockid_t clock, struct timespec* time) {
  if (real_clock_gettime == NULL) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  return real_clock_gettime(clock, time);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const int result = RealTime(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    *time = TimeOf(NanosOf(time) + Offset());
  return result;
}

int gettimeofday(struct timeval* restrict time, void* restrict zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != NULL) *out = now.tv_sec;
  return now.tv_sec;
}

static long WaitUntil(long word, long operation, long value, int64_t until, long ignored, long mask) {
  for (;;) {
    struct timespec now;
    RealTime(CLOCK_REALTIME, &now);
    const int64_t left = until - NanosOf(&now) - Offset();
    const struct timespec end = TimeOf(NanosOf(&now) + (left < kSlice ? (left > 0 ? left : 0) : kSlice));
    const long result = real_syscall(SYS_futex, word, operation, value, &end, ignored, mask);
    if (result == 0 || errno != ETIMEDOUT || left <= kSlice) return result;
  }
}

long syscall(long number, ...) {
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; ++i) a[i] = va_arg(arguments, long);
  va_end(arguments);
  if (real_syscall == NULL) real_syscall = dlsym(RTLD_NEXT, "syscall");
  const int by_the_wall = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;
  if (number == SYS_futex && (a[1] & ~FUTEX_PRIVATE_FLAG) == by_the_wall && a[3] != 0)
    return WaitUntil(a[0], a[1], a[2], NanosOf((const struct timespec*)a[3]), a[4], a[5]);
  return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
