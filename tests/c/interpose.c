/* Linked into a program with --wrap=recist_open,--wrap=recist_close: counts every call for memory, the program's and
 * the libraries', while a model is open, and prints the count when it is closed. With -DCONTROL it makes some
 * itself. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "recist.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static int open_models, calls;

#define COUNTED do { if (open_models) calls++; } while (0)

void *malloc(size_t bytes) { COUNTED; return __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) { COUNTED; return __libc_calloc(count, bytes); }
void *realloc(void *old, size_t bytes) { COUNTED; return __libc_realloc(old, bytes); }
void *memalign(size_t alignment, size_t bytes) { COUNTED; return __libc_memalign(alignment, bytes); }
void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
void free(void *old) { COUNTED; __libc_free(old); }

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    *out = memalign(alignment, bytes);
    return *out ? 0 : 12;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    COUNTED;
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    return mmap(at, bytes, protection, flags, file, offset);
}

int munmap(void *at, size_t bytes)
{
    COUNTED;
    return (int)syscall(SYS_munmap, at, bytes);
}

recist_status __real_recist_open(const void *, size_t, void *, size_t, recist_model **);
void __real_recist_close(recist_model *);

recist_status __wrap_recist_open(const void *bundle, size_t bundle_bytes, void *memory, size_t bytes,
                                 recist_model **model)
{
    open_models++;
#ifdef CONTROL
    void *volatile block = malloc(100);
    free(block);
    munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
#endif
    return __real_recist_open(bundle, bundle_bytes, memory, bytes, model);
}

void __wrap_recist_close(recist_model *model)
{
    __real_recist_close(model);
    open_models--;
    printf("allocations %d\n", calls);
}
