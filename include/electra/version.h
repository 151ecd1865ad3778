/* The version of the library and of every program. */
#ifndef ELECTRA_VERSION_H
#define ELECTRA_VERSION_H

#define ELC_VERSION "0.1.0"

#endif
