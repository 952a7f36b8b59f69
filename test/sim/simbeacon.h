/* A small beacon for simulations: real outer TLS and frames, the simplest
 * pairing there is (first come, first served, one info hash, no limits), and
 * the product's pump. Reference behaviour of the client's side; the beacon's
 * own logic has its own simulations.
 */
#pragma once
#include "net/loop.h"
#include "net/pump.h"
#include "net/shake.h"
#include "wire/frame.h"

struct simbeacon_session {
	struct simbeacon_session *next;
	struct simbeacon *beacon;
	struct tls_shake *shake;
	struct leg *leg;
	uint8_t in[FRAME_BUFFER];
	size_t n_in;
	enum frame_role role; /* 0: HELLO has not come */
	bool sheds;
	struct wheel_timer timer;
};

struct simbeacon_pair {
	struct simbeacon_pair *next;
	struct simbeacon *beacon;
	struct pump *pump;
};

struct simbeacon {
	struct loop *loop;
	struct tls_context *context;
	struct simbeacon_session *sessions;
	struct simbeacon_pair *pairs;
	bool draining;
	bool breaks_shed; /* it says that it sheds outer TLS, and takes it for
			     the end when a client does */
	uint64_t shed;	  /* pairs that did, both ways, and have ended */
};

/** simbeacon_arrive() - one more connection, which is taken */
void simbeacon_arrive(struct simbeacon *b, struct leg *leg);
/** simbeacon_drain() - who waits is sent away, and who says HELLO, until
 * `draining` is unset; pairs stay */
void simbeacon_drain(struct simbeacon *b);
/** simbeacon_kill() - everything is reset, as if the process had died */
void simbeacon_kill(struct simbeacon *b);
