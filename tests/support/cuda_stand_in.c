/* Stands for libcuda.so.1: asks the system for what the CUDA driver asks it for when it starts.
 *
 * cuInit answers 304 (CUDA_ERROR_OPERATING_SYSTEM), as the driver does, where something is refused,
 * and says what on standard error. CUDA_STAND_IN makes it fail in other ways. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static pthread_barrier_t named;

static int refused(const char *what)
{
    fprintf(stderr, "refused: %s: %s\n", what, strerror(errno));
    return 304;
}

static int reads(const char *path)
{
    char text[64];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int ok = file >= 0 && read(file, text, sizeof text) >= 0;
    if (file >= 0)
        close(file);
    return ok;
}

/* A daemon that shares a card: the driver goes on only where nobody is there. */
static int looks_for_mps(void)
{
    const char *folder = getenv("CUDA_MPS_PIPE_DIRECTORY");
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int yes = 1, there = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (there < 0)
        return refused("a socket to the MPS daemon");
    setsockopt(there, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    snprintf(name.sun_path, sizeof name.sun_path, "%s/control", folder ? folder : "/tmp/nvidia-mps");
    if (connect(there, (struct sockaddr *)&name, sizeof name) == 0 ||
        (errno != ENOENT && errno != ECONNREFUSED))
        return refused("no MPS daemon");
    close(there);
    return 0;
}

/* What other processes would ask for the descriptor of /dev/nvidia-uvm. */
static int offers_descriptors(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat space;
    int offer = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (offer < 0 || stat("/proc/self/ns/pid", &space) < 0)
        return refused("a socket to be asked by");
    int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "cuda-uvmfd-%lu-%d",
                          (unsigned long)space.st_ino, getpid());
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + length;
    if (bind(offer, (struct sockaddr *)&name, size) < 0)
        return refused("bind");
    return listen(offer, 16) < 0 ? refused("listen") : 0;
}

static void *waits(void *nothing)
{
    pthread_barrier_wait(&named);
    return nothing;
}

/* The name of another thread is written to /proc/self/task/<tid>/comm. */
static int names_a_thread(void)
{
    pthread_t thread;
    pthread_barrier_init(&named, NULL, 2);
    if (pthread_create(&thread, NULL, waits, NULL) != 0)
        return refused("a thread");
    errno = pthread_setname_np(thread, "cuda-EvtHandlr");
    int error = errno;
    pthread_barrier_wait(&named);
    pthread_join(thread, NULL);
    errno = error;
    return error ? refused("the name of a thread") : 0;
}

static int makes_memory(void)
{
    int memory = memfd_create("cuda", MFD_CLOEXEC);
    if (memory < 0 || ftruncate(memory, 4096) < 0 ||
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED)
        return refused("memfd_create");
    return eventfd(0, EFD_CLOEXEC) < 0 ? refused("eventfd") : 0;
}

int cuInit(unsigned flags)
{
    const char *wish = getenv("CUDA_STAND_IN");
    if (flags)
        return 1;
    if (wish && !strcmp(wish, "crashes"))
        raise(SIGSEGV);
    if (wish && !strcmp(wish, "hangs"))
        pause();
    if (wish && !strcmp(wish, "has no card"))
        return 100;
    if (!reads("/proc/sys/vm/mmap_min_addr") || !reads("/proc/devices") ||
        !reads("/proc/self/maps") || access("/proc/driver", R_OK | X_OK) < 0 ||
        open("/proc/driver", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0)
        return refused("reading /proc");
    int result = looks_for_mps();
    result = result ? result : offers_descriptors();
    result = result ? result : names_a_thread();
    return result ? result : makes_memory();
}

int cuGetErrorName(int code, const char **name)
{
    *name = code == 0     ? "CUDA_SUCCESS"
            : code == 2   ? "CUDA_ERROR_OUT_OF_MEMORY"
            : code == 100 ? "CUDA_ERROR_NO_DEVICE"
            : code == 304 ? "CUDA_ERROR_OPERATING_SYSTEM"
                          : NULL;
    return *name ? 0 : 1;
}

int cuDriverGetVersion(int *version)
{
    *version = 13000;
    return 0;
}

int cuDeviceGetCount(int *count)
{
    *count = 1;
    return 0;
}

int cuDeviceGet(int *device, int index)
{
    *device = index;
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    static int one;
    *context = &one + device;
    return 0;
}

int cuCtxSetCurrent(void *context)
{
    return context ? 0 : 201;
}

int cuMemAlloc_v2(uint64_t *memory, size_t bytes)
{
    const char *wish = getenv("CUDA_STAND_IN");
    if (wish && !strcmp(wish, "has no memory"))
        return 2;
    *memory = (uint64_t)malloc(bytes);
    return 0;
}

int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes)
{
    memcpy((void *)to, from, bytes);
    return 0;
}

int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes)
{
    memcpy(to, (void *)from, bytes);
    return 0;
}

int cuMemFree_v2(uint64_t memory)
{
    free((void *)memory);
    return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    return device;
}
