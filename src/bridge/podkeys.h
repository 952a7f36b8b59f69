/* bridge/podkeys.h: the cluster's keys at the store's JWT mount, by which the
 * store checks the tokens of pods.
 *
 * What was stored in the registration when the cluster came is written there
 * when it becomes active, when it changes, and at each start, should it have
 * been lost in between. Writing it again changes nothing.
 */
#pragma once
#include "bridge/account.h"
#include "wire/registration.h"
#include "wire/space.h"

/** podkeys_config() - the body for the mount's config: public keys as PEM, the
 * issuer, and the algorithms ES256, ES384, RS256 and PS256
 * Keys of other kinds are left out.
 * Return: 0; -EINVAL with @fault: no key is left; -ENOMEM. The caller counts
 * @out down. */
MUST_USE int podkeys_config(
    json_t **out, const struct registration *record, struct fault *fault);

struct podkeys;
/** podkeys_open() - account and space are borrowed until podkeys_close(), and
 * so is @pushed, which counts how often the store has taken keys
 * Return: 0; -ENOMEM. */
MUST_USE int podkeys_open(struct podkeys **out, struct account *account,
    const struct space *space, uint64_t *pushed);
void podkeys_close(struct podkeys *k);
/** podkeys_follow() - see to it that the mount has the keys of @record, if it
 * has any; until the store has taken them it is asked again, with back-off */
void podkeys_follow(struct podkeys *k, const struct registration *record);
/** podkeys_trouble() - why it has not; "" if all is well */
const char *podkeys_trouble(const struct podkeys *k);
