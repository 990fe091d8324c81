// Package core runs Plexus's core.wasm in wazero.
package core

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Core is one instance of the module: one goroutine at a time.
type Core struct{ module api.Module }

// Load compiles the bytes of core.wasm, which is what takes time, and makes an instance.
func Load(ctx context.Context, wasm []byte) (*Core, error) {
	module, err := wazero.NewRuntime(ctx).Instantiate(ctx, wasm)
	if err != nil {
		return nil, err
	}
	version, err := module.ExportedFunction("abi_version").Call(ctx)
	if err != nil {
		return nil, err
	}
	if version[0] != 2 {
		return nil, fmt.Errorf("core.wasm speaks ABI %d, this program 2", version[0])
	}
	return &Core{module}, nil
}

// Call runs an operation on a document, UTF-8 JSON. Status 0 comes with its result, 1 with a CNI error object.
func (c *Core) Call(ctx context.Context, operation string, document []byte) (status uint32, answer []byte, err error) {
	function := c.module.ExportedFunction(operation)
	if function == nil {
		return 0, nil, fmt.Errorf("core.wasm has no operation %q", operation)
	}
	in, err := c.module.ExportedFunction("alloc").Call(ctx, uint64(len(document)))
	if err != nil {
		return 0, nil, err
	}
	if in[0] == 0 || !c.module.Memory().Write(uint32(in[0]), document) {
		return 0, nil, errors.New("the document is too large, or memory is short")
	}
	out, err := function.Call(ctx, in[0], uint64(len(document)))
	if err != nil {
		return 0, nil, err
	}
	head, _ := c.module.Memory().Read(uint32(out[0]), 8)
	status = binary.LittleEndian.Uint32(head)
	bytes, _ := c.module.Memory().Read(uint32(out[0])+8, binary.LittleEndian.Uint32(head[4:]))
	answer = append([]byte{}, bytes...) // a copy: what Read gives is the memory itself
	_, err = c.module.ExportedFunction("reset").Call(ctx)
	return status, answer, err
}

// Fault is a CNI error object.
type Fault struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
}

func (f *Fault) Error() string { return f.Msg }

// Do runs an operation on an input and reads its result. What the core refuses is a *Fault.
func (c *Core) Do(ctx context.Context, operation string, input, result any) error {
	document, err := json.Marshal(input)
	if err != nil {
		return err
	}
	status, answer, err := c.Call(ctx, operation, document)
	if err != nil {
		return err
	}
	if status != 0 {
		fault := new(Fault)
		if err := json.Unmarshal(answer, fault); err != nil {
			return err
		}
		return fault
	}
	return json.Unmarshal(answer, result)
}
