// Refuses NetworkAttachmentDefinitions whose plugins are not on a list:
//
//	kubectl get network-attachment-definitions -A -o json | policy -core core.wasm -allow bridge,macvlan,host-local
//
// It reads JSON, of files or of stdin, and prints a line for each reason to refuse one. Exit code 0: all are allowed;
// 1: some are not; 2: they cannot be checked.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"example.org/plexus-examples/core"
)

func main() {
	wasm := flag.String("core", "core.wasm", "the `file` core.wasm")
	allow := flag.String("allow", "", "the `types` that are allowed, with commas between them")
	flag.Parse()
	allowed := strings.FieldsFunc(*allow, func(one rune) bool { return one == ',' || one == ' ' })
	if len(allowed) == 0 {
		fmt.Fprintln(os.Stderr, "policy: -allow names no type; give it those that are allowed, as in -allow bridge,host-local")
		os.Exit(2)
	}
	refused, err := checkAll(*wasm, allowed, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "policy:", err)
		os.Exit(2)
	}
	if refused {
		os.Exit(1)
	}
}

func checkAll(wasm string, allowed, files []string) (refused bool, err error) {
	bytes, err := os.ReadFile(wasm)
	if err != nil {
		return false, err
	}
	ctx := context.Background()
	plexus, err := core.Load(ctx, bytes)
	if err != nil {
		return false, err
	}
	defer plexus.Close(ctx)
	documents, err := read(files)
	if err != nil {
		return false, err
	}
	for _, document := range documents {
		for _, reason := range (policy{plexus, allowed}).check(ctx, document) {
			refused = true
			fmt.Println(strings.Map(printable, reason))
		}
	}
	return refused, nil
}

// printable keeps what a tenant has written from a terminal.
func printable(one rune) rune {
	if unicode.IsPrint(one) {
		return one
	}
	return unicode.ReplacementChar
}

// read returns the documents of files, and those of stdin if there are none.
func read(files []string) (documents []document, err error) {
	if len(files) == 0 {
		documents, err = documentsIn("stdin", os.Stdin)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		more, err := documentsIn(name, file)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
	}
	return documents, err
}

// document is an object of Kubernetes. A map, as the names of a struct's fields would match in any case: with `Config`
// beside `config` this program would read another one than the API server does.
type document map[string]json.RawMessage

// documentsIn returns the objects of a stream, those of lists one by one.
func documentsIn(name string, stream io.Reader) (all []document, err error) {
	decoder := json.NewDecoder(stream)
	for count := 0; ; count++ {
		var one document
		err := decoder.Decode(&one)
		if err == io.EOF && count > 0 {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w; give it objects in JSON, as `kubectl get -o json` prints them", name, err)
		}
		all = append(all, one.flattened()...)
	}
}

// flattened returns the items of a list, or else the object itself. In a list of one kind, items may leave out what the list
// says of them.
func (d document) flattened() []document {
	items := []document{}
	kind, isList := strings.CutSuffix(d.text("kind"), "List")
	if !isList || json.Unmarshal(d["items"], &items) != nil {
		return []document{d}
	}
	all := []document{}
	for _, item := range items {
		if item == nil {
			item = document{} // null
		}
		if _, says := item["kind"]; !says && kind != "" {
			item["kind"], _ = json.Marshal(kind)
			if _, says := item["apiVersion"]; !says {
				item["apiVersion"] = d["apiVersion"]
			}
		}
		all = append(all, item.flattened()...)
	}
	return all
}

// text returns the string at a path; empty if there is none.
func (d document) text(path ...string) (text string) {
	for _, name := range path[:len(path)-1] {
		inner := document{}
		if json.Unmarshal(d[name], &inner) != nil {
			return ""
		}
		d = inner
	}
	if json.Unmarshal(d[path[len(path)-1]], &text) != nil {
		return ""
	}
	return text
}

// apiVersion is that of the objects that this program knows. In another one a conf may be elsewhere.
const apiVersion = "k8s.cni.cncf.io/v1"

type policy struct {
	plexus  *core.Core
	allowed []string
}

// check returns the reasons to refuse a document.
func (p policy) check(ctx context.Context, d document) (reasons []string) {
	name := fmt.Sprintf("%s %s/%s", d.text("kind"), d.text("metadata", "namespace"), d.text("metadata", "name"))
	refuse := func(format string, values ...any) {
		reasons = append(reasons, fmt.Sprintf("refused %s: ", name)+fmt.Sprintf(format, values...))
	}
	conf := d.text("spec", "config")
	if d.text("kind") != "NetworkAttachmentDefinition" {
		refuse("it is not a NetworkAttachmentDefinition; check it elsewhere")
		return reasons
	}
	if version := d.text("apiVersion"); version != apiVersion {
		refuse("its `apiVersion` is %q; this program knows %s alone", version, apiVersion)
		return reasons
	}
	if conf == "" {
		refuse("it has no `spec.config`, so a file of each node says what is executed; give it a conf")
		return reasons
	}
	var described struct{ Plugins []string }
	err := p.plexus.Do(ctx, "describe", map[string]string{"conf": conf, "source": "its conf"}, &described)
	if fault := new(core.Fault); errors.As(err, &fault) {
		refuse("%s", fault.Msg)
		return reasons
	}
	if err != nil { // it may be larger than the core takes; the others are checked all the same
		refuse("its conf, of %d bytes, cannot be checked: %s", len(conf), err)
		return reasons
	}
	for _, plugin := range described.Plugins {
		if !slices.Contains(p.allowed, plugin) {
			refuse("plugin %q is not allowed; use one of %s", plugin, strings.Join(p.allowed, ", "))
		}
	}
	types, err := typesIn(conf)
	if err != nil {
		refuse("its conf: %s; correct it", err)
	}
	for _, kind := range types {
		if !slices.Contains(p.allowed, kind) && !slices.Contains(described.Plugins, kind) {
			refuse("%q, a `type` within its conf, is not allowed; use one of %s", kind, strings.Join(p.allowed, ", "))
		}
	}
	return reasons
}

// typesIn returns every string that is a `type` in a conf, in whatever case: plugins, which are written in Go for the most
// part, execute others that their part of the conf names so, such as `ipam.type` or Flannel's `delegate.type`. An empty one
// names none.
func typesIn(conf string) (types []string, err error) {
	decoder := json.NewDecoder(strings.NewReader(conf))
	decoder.UseNumber() // else 1e400 would be the end
	var open []json.Delim
	isKey, key := false, ""
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return types, nil
		}
		if err != nil {
			return nil, err
		}
		text, isText := token.(string)
		switch {
		case token == json.Delim('{') || token == json.Delim('['):
			open = append(open, token.(json.Delim))
			isKey = token == json.Delim('{')
			continue
		case token == json.Delim('}') || token == json.Delim(']'):
			open, key = open[:len(open)-1], ""
		case isKey:
			isKey, key = false, text
			continue
		case isText && text != "" && strings.EqualFold(key, "type") && !slices.Contains(types, text):
			types = append(types, text)
		}
		isKey = len(open) > 0 && open[len(open)-1] == '{'
	}
}
