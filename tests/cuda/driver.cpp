// A stand-in for libcuda.so.1 on a machine without GPU: what the trainer's program calls of the driver.
//
// It runs the trainer's kernels, and those of dfdx's optimisers, on the host (kernels.cpp), on memory of the host, and
// counts others. It reports what a driver would: kernels that a module lacks, launches without threads or with too
// many, copies out of bounds, buffers freed twice. At the end it prints what it counted.
//
// CUDA_STANDIN_COUNT=1     no memory behind the buffers, no kernel runs: what a large network needs, in seconds
// CUDA_STANDIN_MEMORY=N    the device has N bytes
// CUDA_STANDIN_DEVICES=0   there is no device

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "kernels.hpp"

typedef int Result;
enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700 };

static uint64_t environment(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text ? strtoull(text, nullptr, 10) : otherwise;
}

static const bool counts = environment("CUDA_STANDIN_COUNT", 0);
static const uint64_t memory = environment("CUDA_STANDIN_MEMORY", 80ull << 30);

struct Function {
    std::string name;
    const HostKernel *host;
};

static std::map<uint64_t, uint64_t> buffers;
static std::set<std::string> modules, launched, not_run;
static std::map<std::string, Function> functions;
static uint64_t next_address = 1ull << 40, in_use, peak, launches, copies, failures;

static Result fail(Result result, const char *what, const char *name) {
    failures++;
    fprintf(stderr, "cuda stand-in: %s: %s\n", name, what);
    return result;
}

__attribute__((destructor)) static void report() {
    fprintf(stderr, "cuda stand-in: %lu launches of %zu kernels (%zu of them counted, not run), %lu copies, %lu failures\n",
            launches, launched.size(), not_run.size(), copies, failures);
    fprintf(stderr, "cuda stand-in: peak of device memory %.2f GiB\n", double(peak) / double(1 << 30));
}

extern "C" {

Result cuInit(unsigned) { return SUCCESS; }
Result cuDeviceGetCount(int *count) { return *count = int(environment("CUDA_STANDIN_DEVICES", 1)), SUCCESS; }
Result cuDeviceGet(int *device, int) { return *device = 0, environment("CUDA_STANDIN_DEVICES", 1) ? SUCCESS : NO_DEVICE; }
Result cuDevicePrimaryCtxRetain(void **context, int) { return *context = &buffers, SUCCESS; }
Result cuDevicePrimaryCtxRelease_v2(int) { return SUCCESS; }
Result cuCtxSetCurrent(void *) { return SUCCESS; }
Result cuDeviceGetAttribute(int *value, int attribute, int) { return *value = attribute == 75 ? 9 : 1, SUCCESS; }
Result cuEventCreate(void **event, unsigned) { return *event = &buffers, SUCCESS; }
Result cuEventDestroy_v2(void *) { return SUCCESS; }
Result cuEventRecord(void *, void *) { return SUCCESS; }
Result cuStreamCreate(void **stream, unsigned) { return *stream = &buffers, SUCCESS; }
Result cuStreamDestroy_v2(void *) { return SUCCESS; }
Result cuStreamSynchronize(void *) { return SUCCESS; }
Result cuStreamWaitEvent(void *, void *, unsigned) { return SUCCESS; }
Result cuModuleUnload(void *) { return SUCCESS; }
Result cuModuleLoad(void **, const char *file) { return fail(NOT_FOUND, "modules are compiled in, not loaded", file); }

Result cuGetErrorString(Result result, const char **text) {
    switch (result) {
    case OUT_OF_MEMORY: *text = "out of memory"; break;
    case NO_DEVICE: *text = "no CUDA-capable device is detected"; break;
    case NOT_FOUND: *text = "named symbol not found"; break;
    default: *text = "the stand-in refuses the call";
    }
    return SUCCESS;
}

Result cuMemGetInfo_v2(size_t *free, size_t *total) {
    *free = memory - in_use;
    *total = memory;
    return SUCCESS;
}

Result cuMemAllocAsync(uint64_t *address, size_t bytes, void *) {
    if (in_use + bytes > memory) return OUT_OF_MEMORY;
    if (counts) {
        *address = next_address;
        next_address += bytes + 512;
    } else {
        void *block = malloc(bytes ? bytes : 1);
        if (block == nullptr) return OUT_OF_MEMORY;
        memset(block, 0xff, bytes); // NaN, should a kernel read what none has written
        *address = uint64_t(block);
    }
    buffers[*address] = bytes;
    in_use += bytes;
    peak = in_use > peak ? in_use : peak;
    return SUCCESS;
}

Result cuMemFreeAsync(uint64_t address, void *) {
    auto found = buffers.find(address);
    if (found == buffers.end()) return fail(INVALID_VALUE, "no such buffer", "free");
    in_use -= found->second;
    buffers.erase(found);
    if (!counts) free(reinterpret_cast<void *>(address));
    return SUCCESS;
}

Result cuMemAlloc_v2(uint64_t *address, size_t bytes) { return cuMemAllocAsync(address, bytes, nullptr); }
Result cuMemFree_v2(uint64_t address) { return cuMemFreeAsync(address, nullptr); }

// That bytes of the device lie in one buffer.
static Result check(uint64_t address, size_t bytes, const char *name) {
    copies++;
    auto after = buffers.upper_bound(address);
    if (bytes == 0) return SUCCESS;
    if (after == buffers.begin()) return fail(ILLEGAL_ADDRESS, "out of bounds", name);
    auto buffer = std::prev(after);
    bool inside = address + bytes <= buffer->first + buffer->second;
    return inside ? SUCCESS : fail(ILLEGAL_ADDRESS, "out of bounds", name);
}

Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
    Result result = check(to, bytes, "copy to the device");
    if (result == SUCCESS && !counts) memcpy(reinterpret_cast<void *>(to), from, bytes);
    return result;
}

Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
    Result result = check(from, bytes, "copy from the device");
    if (result != SUCCESS) return result;
    if (counts) memset(to, 0x3c, bytes); // small positive numbers
    else memcpy(to, reinterpret_cast<void *>(from), bytes);
    return SUCCESS;
}

Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
    Result result = check(to, bytes, "copy on the device");
    if (result == SUCCESS) result = check(from, bytes, "copy on the device");
    if (result == SUCCESS && !counts) memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
    return result;
}

Result cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *) {
    Result result = check(to, bytes, "fill");
    if (result == SUCCESS && !counts) memset(reinterpret_cast<void *>(to), value, bytes);
    return result;
}

Result cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t n) { return cuMemcpyHtoDAsync_v2(to, from, n, nullptr); }
Result cuMemcpyDtoH_v2(void *to, uint64_t from, size_t n) { return cuMemcpyDtoHAsync_v2(to, from, n, nullptr); }
Result cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t n) { return cuMemcpyDtoDAsync_v2(to, from, n, nullptr); }
Result cuMemsetD8_v2(uint64_t to, unsigned char value, size_t n) { return cuMemsetD8Async(to, value, n, nullptr); }

// A module is its text: PTX names every kernel as an entry.
Result cuModuleLoadData(void **module, const void *image) {
    *module = const_cast<std::string *>(&*modules.insert(static_cast<const char *>(image)).first);
    return SUCCESS;
}

Result cuModuleGetFunction(void **function, void *module, const char *name) {
    if (static_cast<std::string *>(module)->find(std::string(".entry ") + name + "(") == std::string::npos)
        return fail(NOT_FOUND, "not in its module", name);
    *function = &functions.try_emplace(name, Function{name, host_kernel(name)}).first->second;
    return SUCCESS;
}

Result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned, void *, void **parameters, void **) {
    auto &[name, host] = *static_cast<Function *>(function);
    launches++;
    launched.insert(name);
    if (gx == 0 || gy == 0 || gz != 1 || gy > 65535 || bx * by * bz == 0 || bx * by * bz > 1024)
        return fail(INVALID_VALUE, "a launch that no device takes", name.c_str());
    if (host == nullptr) not_run.insert(name);
    else if (!counts) host->run({gx, gy, gz}, {bx, by, bz}, parameters);
    return SUCCESS;
}

} // extern "C"
