/* wrapper/fetch.h: the fetching process: one job, over the sealed session, to
 * the end. It is the only part of the wrapper that speaks TLS.
 */
#pragma once
#include "wrapper/handoff.h"

/** fetch_process() - take the job from the socket (wrapper/courier.h), do it,
 * say how it went
 * Return: what to exit with. */
MUST_USE int fetch_process(void);
