//go:build tools

// amneziawg-go, a WireGuard in user space that can disguise itself, as it is;
// this file only pins it.
package main

import _ "github.com/amnezia-vpn/amneziawg-go"
