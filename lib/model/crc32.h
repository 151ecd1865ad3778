/* Cyclic redundancy checks of 32 bits, reflected: of zip archives and of TensorFlow's bundles. */
#ifndef ELC_MODEL_CRC32_H
#define ELC_MODEL_CRC32_H

#include <stddef.h>
#include <stdint.h>

#define ELC_CRC32_ZIP UINT32_C(0xedb88320)        /* the polynomial of zip */
#define ELC_CRC32_CASTAGNOLI UINT32_C(0x82f63b78) /* that of CRC-32C */

uint32_t elc_crc32(uint32_t polynomial, const uint8_t *bytes, size_t len);

#endif
