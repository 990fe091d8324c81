// Prints the core's answer to each line of a file: go run ./cases core.wasm cases.txt
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	"example.org/plexus-examples/core"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: cases core.wasm cases.txt")
	}
	ctx := context.Background()
	wasm, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	plexus, err := core.Load(ctx, wasm)
	if err != nil {
		log.Fatal(err)
	}
	defer plexus.Close(ctx)
	cases, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	out := bufio.NewWriter(os.Stdout)
	for line := range bytes.Lines(cases) {
		operation, document, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
		status, answer, err := plexus.Call(ctx, string(operation), document)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintf(out, "%d %s\n", status, answer)
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}
