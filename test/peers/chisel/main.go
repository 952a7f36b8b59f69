// chisel's own packages, a relay of TCP in SSH in a WebSocket, as the bench
// starts it:
//
//	chisel server PORT
//	chisel client PORT REMOTE     dials the server; REMOTE: "R:8080:127.0.0.1:80"
package main

import (
	"context"
	"log"
	"os"

	client "github.com/jpillora/chisel/client"
	server "github.com/jpillora/chisel/server"
)

func serve(port string) error {
	s, err := server.NewServer(&server.Config{Reverse: true})
	if err != nil {
		return err
	}
	if err = s.StartContext(context.Background(), "127.0.0.1", port); err != nil {
		return err
	}
	return s.Wait()
}

func connect(port, remote string) error {
	c, err := client.NewClient(&client.Config{
		Server: "http://127.0.0.1:" + port, Remotes: []string{remote}})
	if err != nil {
		return err
	}
	if err = c.Start(context.Background()); err != nil {
		return err
	}
	return c.Wait()
}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "server":
		err = serve(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "client":
		err = connect(os.Args[2], os.Args[3])
	default:
		log.Fatal("usage: chisel server PORT | client PORT REMOTE")
	}
	if err != nil {
		log.Fatal(err)
	}
}
