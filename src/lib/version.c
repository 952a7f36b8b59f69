#include <pharos/leg.h>

const char *pharos_version(void)
{
	return PHAROS_VERSION;
}
