// A stand-in for libcublas.so.13 beside that for the driver: matrix products on the host.

#include <cstdlib>
#include <vector>

typedef int Status;

static const bool counts = getenv("CUDA_STANDIN_COUNT") != nullptr;

// A matrix as it is, column by column without gaps.
static std::vector<float> columns_of(int transposed, int rows, int columns, const float *data, int step) {
    std::vector<float> result(size_t(rows) * columns);
    for (int column = 0; column < columns; column++)
        for (int row = 0; row < rows; row++)
            result[size_t(column) * rows + row] = transposed ? data[size_t(row) * step + column] : data[size_t(column) * step + row];
    return result;
}

extern "C" {

Status cublasCreate_v2(void **handle) { return *handle = handle, 0; }
Status cublasDestroy_v2(void *) { return 0; }
Status cublasSetStream_v2(void *, void *) { return 0; }
Status cublasSetMathMode(void *, int) { return 0; }

Status cublasSgemm_v2(void *, int transa, int transb, int m, int n, int k, const float *alpha, const float *a, int lda,
                      const float *b, int ldb, const float *beta, float *c, int ldc) {
    const int INVALID_VALUE = 7;
    if (m <= 0 || n <= 0 || k <= 0 || lda < (transa ? k : m) || ldb < (transb ? n : k) || ldc < m) return INVALID_VALUE;
    if (counts) return 0;
    std::vector<float> left = columns_of(transa, m, k, a, lda), right = columns_of(transb, k, n, b, ldb);
    for (int column = 0; column < n; column++) {
        float *result = c + size_t(column) * ldc;
        for (int row = 0; row < m; row++) result[row] = *beta == 0.f ? 0.f : *beta * result[row];
        for (int inner = 0; inner < k; inner++) {
            float factor = *alpha * right[size_t(column) * k + inner];
            const float *terms = &left[size_t(inner) * m];
            for (int row = 0; row < m; row++) result[row] += terms[row] * factor;
        }
    }
    return 0;
}

} // extern "C"
