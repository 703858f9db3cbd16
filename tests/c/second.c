/* A program with two Rust libraries: ends with 0 if both are there and the other one catches its own panic. */
#include "recist.h"

int second_panics(void);

int main(void)
{
    return second_panics() == 42 && recist_abi_version() == RECIST_ABI_VERSION ? 0 : 1;
}
