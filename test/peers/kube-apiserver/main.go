// Kube-apiserver with etcd inside, one process: what the tests of Pharos ask for
// tokens, reviews and keys. etcd listens on a unix socket in the folder given
// first; everything after it is kube-apiserver's own.
package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func socket(folder, name string) []url.URL {
	return []url.URL{{Scheme: "unix", Path: filepath.Join(folder, name)}}
}

func startEtcd(folder string) (*embed.Etcd, error) {
	config := embed.NewConfig()
	config.Name = "test"
	config.Dir = filepath.Join(folder, "data")
	config.LogLevel = "error"
	config.UnsafeNoFsync = true
	config.ListenClientUrls = socket(folder, "client")
	config.AdvertiseClientUrls = config.ListenClientUrls
	config.ListenPeerUrls = socket(folder, "peer")
	config.AdvertisePeerUrls = config.ListenPeerUrls
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err := <-etcd.Err():
		return nil, err
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: kube-apiserver FOLDER [OPTION ...]")
		os.Exit(2)
	}
	folder := os.Args[1]
	etcd, err := startEtcd(folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
	os.Args = append([]string{"kube-apiserver",
		"--etcd-servers=unix://" + filepath.Join(folder, "client")},
		os.Args[2:]...)
	status := cli.Run(apiserver.NewAPIServerCommand())
	etcd.Close()
	os.Exit(status)
}
