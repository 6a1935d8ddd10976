/* Stands for libcuda.so.1 and libcublas.so.12: a card in the host's memory.
 *
 * Every call takes a time that is known: a product in float32 20 ms and in TF32 5, a copy 10 ms,
 * or 2 where one side is pinned, and 4 on the card. CARD makes it another card. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pending_ms, mode;
static char *pinned;
static size_t pinned_bytes;

static int is(const char *wish)
{
    const char *card = getenv("CARD");
    return card && !strcmp(card, wish);
}

int cuInit(unsigned flags) { return (int)flags; }
int cuDriverGetVersion(int *version) { return *version = 12080, 0; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int index) { return *device = index, 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = &mode + device, 0; }
int cuCtxSetCurrent(void *context) { return context ? 0 : 201; }

int cuGetErrorName(int code, const char **name)
{
    *name = code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : NULL;
    return *name ? 0 : 1;
}

int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    *value = attribute == 75 ? (is("old") ? 7 : 9) : attribute == 76 ? (is("old") ? 5 : 0) : -1;
    return device;
}

int cuMemAlloc_v2(uint64_t *memory, size_t bytes)
{
    *memory = (uint64_t)malloc(bytes);
    return 0;
}

int cuMemFree_v2(uint64_t memory) { return free((void *)memory), 0; }

int cuMemAllocHost_v2(void **memory, size_t bytes)
{
    if (is("no pinned memory"))
        return 2;
    *memory = pinned = calloc(1, bytes);
    pinned_bytes = bytes;
    return 0;
}

static int copy(void *to, const void *from, size_t bytes, const char *host)
{
    memcpy(to, from, bytes);
    if (bytes > 1 << 19)
        usleep(pinned && host >= pinned && host < pinned + pinned_bytes ? 2000 : 10000);
    return 0;
}

int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t n) { return copy((void *)to, from, n, from); }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t n) { return copy(to, (void *)from, n, to); }

int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream)
{
    memcpy((void *)to, (void *)from, bytes);
    pending_ms += 4;
    return stream ? 1 : 0;
}

/* What was begun takes its time here: who does not wait would find it too fast. */
int cuCtxSynchronize(void)
{
    usleep(1000 * pending_ms);
    return pending_ms = 0;
}

int cublasCreate_v2(void **handle)
{
    *handle = &mode;
    return is("too old for cuBLAS") ? 1 : 0;
}

int cublasSetMathMode(void *handle, int wanted) { return mode = wanted, handle != &mode; }

/* C = A B, column by column. */
int cublasSgemm_v2(void *handle, int ta, int tb, int m, int n, int k, const float *alpha,
                   const float *a, int lda, const float *b, int ldb, const float *beta, float *c,
                   int ldc)
{
    if (handle != &mode || ta || tb || *alpha != 1 || *beta != 0)
        return 7;
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum += (double)a[i + l * lda] * b[l + j * ldb];
            c[i + j * ldc] = is("broken") ? 0 : (float)sum;
        }
    pending_ms += mode == 3 ? 5 : mode == 0 ? 20 : 1000;
    return 0;
}
