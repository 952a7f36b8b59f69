// frp's own packages, a relay of TCP between a public server and clients behind
// it, as the bench starts it:
//
//	frp server PORT
//	frp client PORT OPEN BACK     dials the server, which opens OPEN; what comes
//	                              there goes to 127.0.0.1:BACK
package main

import (
	"context"
	"log"
	"os"
	"strconv"

	"github.com/fatedier/frp/client"
	v1 "github.com/fatedier/frp/pkg/config/v1"
	"github.com/fatedier/frp/server"
)

const loopback = "127.0.0.1"

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func serve(port int) error {
	c := &v1.ServerConfig{BindAddr: loopback, ProxyBindAddr: loopback, BindPort: port}
	c.Complete()
	s, err := server.NewService(c)
	if err != nil {
		return err
	}
	s.Run(context.Background())
	return nil
}

func connect(port, open, back int) error {
	c := &v1.ClientCommonConfig{ServerAddr: loopback, ServerPort: port}
	c.Complete()
	p := &v1.TCPProxyConfig{RemotePort: open}
	p.Name, p.Type = "bench", "tcp"
	p.LocalIP, p.LocalPort = loopback, back
	p.Complete("")
	s, err := client.NewService(client.ServiceOptions{
		Common: c, ProxyCfgs: []v1.ProxyConfigurer{p}})
	if err != nil {
		return err
	}
	return s.Run(context.Background())
}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "server":
		err = serve(number(os.Args[2]))
	case len(os.Args) == 5 && os.Args[1] == "client":
		err = connect(number(os.Args[2]), number(os.Args[3]), number(os.Args[4]))
	default:
		log.Fatal("usage: frp server PORT | client PORT OPEN BACK")
	}
	if err != nil {
		log.Fatal(err)
	}
}
