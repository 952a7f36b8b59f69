// Load for derper, Tailscale's relay, as the bench runs it beside ours. derper
// passes packets between clients that name each other by their keys; the
// clients are here, over its own package of the protocol.
//
//	derp-load stream PORT CA WARM BYTES    from one client to another
//	derp-load pairs PORT CA COUNT RATE     new clients, one packet of each
//
// stream speaks as load-stream does: after WARM bytes each way it prints a line
// and waits for one, then it carries BYTES, both rounded down to packets, in the largest packets that there
// are, random as if encrypted before. pairs prints what passed, from the end of
// a client's TLS handshake until its first packet was with another client.
package main

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go4.org/mem"
	"tailscale.com/derp"
	"tailscale.com/derp/derpconst"
	"tailscale.com/types/key"
)

const (
	// derper drops what exceeds 32 packets in the queue to a client, so a
	// sender has to know what has arrived
	window = 16
	told   = window / 2 // packets that one answer tells of
	packet = derp.MaxPacketSize
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func number(text string) int {
	return must(strconv.Atoi(text))
}

type relay struct {
	address string
	trust   *tls.Config
}

func newRelay(port, ca string) *relay {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(ca)))
	return &relay{"127.0.0.1:" + port, &tls.Config{RootCAs: pool}}
}

func (r *relay) dial() *tls.Conn {
	return must(tls.Dial("tcp", r.address, r.trust))
}

// The relay's key stands in a certificate behind its own. Who has read it there
// need not wait for an answer to the request.
func relayKey(conn *tls.Conn) key.NodePublic {
	for _, cert := range conn.ConnectionState().PeerCertificates {
		hex, found := strings.CutPrefix(cert.Subject.CommonName,
			derpconst.MetaCertCommonNamePrefix)
		if found {
			return must(key.ParseNodePublicUntyped(mem.S(hex)))
		}
	}
	log.Fatal("the relay does not tell its key")
	return key.NodePublic{}
}

func (r *relay) join(conn *tls.Conn) *derp.Client {
	ask := must(http.NewRequest("GET", "https://"+r.address+"/derp", nil))
	ask.Header.Set("Upgrade", "DERP")
	ask.Header.Set("Connection", "Upgrade")
	ask.Header.Set(derp.FastStartHeader, "1")
	both := bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn))
	if err := ask.Write(both); err != nil {
		log.Fatal(err)
	}
	return must(derp.NewClient(key.NewNode(), conn, both, log.Printf,
		derp.ServerPublicKey(relayKey(conn))))
}

// await is a client that others may send to: the relay drops what comes before
// it knows whom for, and says its ServerInfo once it does.
func (r *relay) await() *derp.Client {
	client := r.join(r.dial())
	for {
		_, is := must(client.Recv()).(derp.ServerInfoMessage)
		if is {
			return client
		}
	}
}

// receive is the next packet; what the relay itself says is passed over.
func receive(client *derp.Client) []byte {
	for {
		got, is := must(client.Recv()).(derp.ReceivedPacket)
		if is {
			return got.Data
		}
	}
}

func send(from, to *derp.Client, data []byte) {
	if err := from.Send(to.PublicKey(), data); err != nil {
		log.Fatal(err)
	}
}

// ---- stream

// pour sends packets, and is done when all are known to have arrived.
func pour(from, to *derp.Client, packets int) {
	block := make([]byte, packet)
	must(rand.Read(block))
	credit := window
	for n := 0; n < packets || credit < window; {
		if credit == 0 || n == packets {
			credit += int(receive(from)[0])
			continue
		}
		binary.BigEndian.PutUint64(block, uint64(n))
		send(from, to, block)
		credit--
		n++
	}
}

// drain takes them, each in its turn, and tells of them.
func drain(to, from *derp.Client, packets int) {
	untold := byte(0)
	for n := range packets {
		if binary.BigEndian.Uint64(receive(to)) != uint64(n) {
			log.Fatalf("packet %d is lost", n)
		}
		untold++
		if untold == told || n == packets-1 {
			send(to, from, []byte{untold})
			untold = 0
		}
	}
}

func carry(from, to *derp.Client, bytes int) {
	go drain(to, from, bytes/packet)
	pour(from, to, bytes/packet)
}

func stream(r *relay, warm, bytes int) {
	a, b := r.await(), r.await()
	carry(a, b, warm)
	carry(b, a, warm)
	fmt.Println(`{"ready": 1}`)
	must(bufio.NewReader(os.Stdin).ReadString('\n'))
	began := time.Now()
	carry(a, b, bytes)
	fmt.Printf("{\"bytes\": %d, \"seconds\": %.6f}\n", bytes,
		time.Since(began).Seconds())
}

// ---- pairs

func once(r *relay, waiting *derp.Client) time.Duration {
	conn := r.dial()
	defer conn.Close()
	began := time.Now()
	send(r.join(conn), waiting, []byte{0})
	receive(waiting)
	return time.Since(began)
}

func percentile(sorted []time.Duration, share float64) float64 {
	at := min(len(sorted)-1, int(float64(len(sorted))*share))
	return sorted[at].Seconds() * 1000
}

func pairs(r *relay, count, rate int) {
	waiting := r.await()
	taken := make([]time.Duration, count)
	began := time.Now()
	for i := range taken {
		due := time.Duration(i) * time.Second / time.Duration(rate)
		time.Sleep(time.Until(began.Add(due)))
		taken[i] = once(r, waiting)
	}
	slices.Sort(taken)
	fmt.Printf("{\"greeted_ms\": {\"p50\": %.4f, \"p99\": %.4f}}\n",
		percentile(taken, 0.5), percentile(taken, 0.99))
}

func main() {
	log.SetFlags(0)
	words := os.Args[1:]
	if len(words) != 5 {
		log.Fatal("usage: derp-load stream PORT CA WARM BYTES | " +
			"pairs PORT CA COUNT RATE")
	}
	r := newRelay(words[1], words[2])
	switch words[0] {
	case "stream":
		stream(r, number(words[3]), number(words[4]))
	case "pairs":
		pairs(r, number(words[3]), number(words[4]))
	default:
		log.Fatalf("no %s", words[0])
	}
}
