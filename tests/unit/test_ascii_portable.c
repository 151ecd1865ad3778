/* The same for machines without SSE2. */
#undef __SSE2__
#include "test_ascii.c"
