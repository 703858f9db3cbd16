// The device kernels as functions of the host.
#pragma once

struct Size {
    unsigned x, y, z;
};

// A kernel that can be run: with the parameters of a launch, thread after thread and block after block.
struct HostKernel {
    const char *name;
    void (*run)(Size grid, Size block, void **parameters);
};

// The kernel of a name, or null where there is none.
const HostKernel *host_kernel(const char *name);
