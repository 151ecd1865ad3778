/* Matrix products: the one place that knows of BLAS. */
#include <cblas.h>
#include <pthread.h>

#include "electra/tensor.h"

/* We start the threads. OpenBLAS's pthread builds are told so once for the process, its OpenMP
 * builds ask OpenMP at every call, whose answer belongs to the calling thread. Both names are
 * weak: another BLAS has neither. */
#if defined(__GNUC__)
extern void openblas_set_num_threads(int n) __attribute__((weak));
extern void omp_set_num_threads(int n) __attribute__((weak));

static void quieten_process(void) {
    if (openblas_set_num_threads)
        openblas_set_num_threads(1);
}

static void quieten_blas(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local int quiet;
    if (quiet)
        return;
    pthread_once(&once, quieten_process);
    if (omp_set_num_threads)
        omp_set_num_threads(1);
    quiet = 1;
}
#else
static void quieten_blas(void) {
}
#endif

void elc_gemm(enum elc_transpose transpose_a, enum elc_transpose transpose_b, size_t m, size_t n,
              size_t k, elc_float alpha, const elc_float *a, size_t lda, const elc_float *b,
              size_t ldb, elc_float beta, elc_float *c, size_t ldc) {
    quieten_blas();
    const CBLAS_TRANSPOSE ta = transpose_a == ELC_TRANSPOSED ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE tb = transpose_b == ELC_TRANSPOSED ? CblasTrans : CblasNoTrans;
#ifdef ELC_DOUBLE
    cblas_dgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb,
                beta, c, (int)ldc);
#else
    cblas_sgemm(CblasRowMajor, ta, tb, (int)m, (int)n, (int)k, alpha, a, (int)lda, b, (int)ldb,
                beta, c, (int)ldc);
#endif
}
