/* link/callsofcurl.h: system calls that libcurl makes beside those of
 * connecting, for the profiles of programs that call the APIs of others.
 */
#pragma once
#include "base/isolate.h"

extern const struct isolate_calls callsofcurl;
