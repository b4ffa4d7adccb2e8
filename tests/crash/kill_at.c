// kill_at.c — preloaded into waybill by the crash tests: dies, fails, fills up, stalls or lies about the time where it is told to.
//
// KILL_AT_CONTROL names a file that is mapped: 16 numbers of 64 bits, by which the test steers the running process.
// Only files below KILL_AT_FOLDER are touched. The steps are: pwrite, fdatasync, fsync, rename.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
  STEPS,  // counted: every step
  SYNCS,  // counted: fdatasync and fsync
  KILL_AT,  // the step that kills; 0: none
  KILL_AFTER,  // 0: before the step is done, 1: after it
  FULL,  // 1: no file grows (ENOSPC), free space is 0
  FAIL_SYNCS,  // so many syncs of files whose path has the part FAIL_JOURNAL says fail (EIO); counted down
  FAIL_JOURNAL,  // 1: of the journal; 0: of the store
  STALL_US,  // each sync takes so much longer
  CLOCK_NS,  // added to the wall clock
};

static volatile long long* control;
static const char* folder;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("KILL_AT_CONTROL");
  folder = getenv("KILL_AT_FOLDER");
  const int fd = path ? open(path, O_RDWR) : -1;
  if (fd < 0 || !folder) {
    static const char text[] = "kill_at: KILL_AT_CONTROL and KILL_AT_FOLDER are needed\n";
    (void)!write(2, text, sizeof text - 1);
    _exit(99);
  }
  control = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
}

static int ours(const char* path) { return control && strncmp(path, folder, strlen(folder)) == 0; }

static int path_of(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return length > 0 && ours(path);
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// The number of this step; dies before it where it is the one.
static long long before(void) {
  const long long step = __atomic_add_fetch(&control[STEPS], 1, __ATOMIC_SEQ_CST);
  if (step == control[KILL_AT] && !control[KILL_AFTER]) die();
  return step;
}
static void after(long long step) {
  if (step == control[KILL_AT] && control[KILL_AFTER]) die();
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void* real(const char* name) { return dlsym(RTLD_NEXT, name); }

static ssize_t do_write(const char* name, int fd, const void* bytes, size_t size, off_t offset) {
  ssize_t (*next)(int, const void*, size_t, off_t) = (ssize_t(*)(int, const void*, size_t, off_t))real(name);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return next(fd, bytes, size, offset);
  struct stat about;
  if (control[FULL] && fstat(fd, &about) == 0 && offset + (off_t)size > about.st_size) {
    errno = ENOSPC;
    return -1;
  }
  const long long step = before();
  const ssize_t result = next(fd, bytes, size, offset);
  const int error = errno;
  after(step);
  errno = error;
  return result;
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return do_write("pwrite", fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t offset) {
  return do_write("pwrite64", fd, bytes, size, offset);
}

static int do_sync(const char* name, int fd) {
  int (*next)(int) = (int (*)(int))real(name);
  char path[PATH_MAX];
  if (!path_of(fd, path)) return next(fd);
  const long long step = before();
  __atomic_add_fetch(&control[SYNCS], 1, __ATOMIC_SEQ_CST);
  if (control[STALL_US] > 0) usleep((useconds_t)control[STALL_US]);
  if (control[FAIL_SYNCS] > 0 && (strstr(path, "/journal/") != NULL) == (control[FAIL_JOURNAL] != 0)) {
    __atomic_sub_fetch(&control[FAIL_SYNCS], 1, __ATOMIC_SEQ_CST);
    errno = EIO;
    return -1;
  }
  const int result = next(fd);
  const int error = errno;
  after(step);
  errno = error;
  return result;
}
int fdatasync(int fd) { return do_sync("fdatasync", fd); }
int fsync(int fd) { return do_sync("fsync", fd); }

int rename(const char* from, const char* to) {
  if (!ours(to)) return REAL(rename)(from, to);
  const long long step = before();
  const int result = REAL(rename)(from, to);
  const int error = errno;
  after(step);
  errno = error;
  return result;
}

int statvfs(const char* path, struct statvfs* about) {
  const int result = REAL(statvfs)(path, about);
  if (result == 0 && ours(path) && control[FULL]) about->f_bavail = about->f_bfree = 0;
  return result;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int result = REAL(clock_gettime)(clock, now);
  if (result != 0 || clock != CLOCK_REALTIME || !control || control[CLOCK_NS] == 0) return result;
  const long long second_ns = 1000000000;
  const long long ns = now->tv_nsec + control[CLOCK_NS] % second_ns;
  now->tv_sec += control[CLOCK_NS] / second_ns + (ns < 0 ? -1 : ns / second_ns);
  now->tv_nsec = ns < 0 ? ns + second_ns : ns % second_ns;
  return result;
}
