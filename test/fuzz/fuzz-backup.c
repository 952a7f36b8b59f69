/* A backup's head: what is not one is told without a passphrase, and what is
 * taken for whole has the size that it says. */
#include "fuzz.h"
#include "wire/backup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int r = backup_look(bytes, n);

	INVARIANT(r >= 0 && r <= BACKUP_E_ALTERED);
	INVARIANT(
	    r || (n >= BACKUP_HEAD_SIZE + BACKUP_PARTS * BACKUP_MARK_SIZE &&
		     n <= BACKUP_MOST));
	return 0;
}
