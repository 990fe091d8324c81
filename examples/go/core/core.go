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

// mostBytes is how much memory an instance may keep: the memory of WebAssembly never shrinks, so one that has taken more
// is replaced.
const mostBytes = 32 << 20

// Core is one instance of the module at a time: for one goroutine at a time.
type Core struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	module   api.Module // nil: the next call makes one
}

// Load compiles the bytes of core.wasm, which is what takes time, and makes an instance. Close what it returns.
func Load(ctx context.Context, wasm []byte) (*Core, error) {
	c := &Core{runtime: wazero.NewRuntime(ctx)}
	if err := c.load(ctx, wasm); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
}

func (c *Core) load(ctx context.Context, wasm []byte) (err error) {
	if c.compiled, err = c.runtime.CompileModule(ctx, wasm); err != nil {
		return err
	}
	for _, name := range []string{"abi_version", "alloc", "reset"} {
		if c.compiled.ExportedFunctions()[name] == nil {
			return fmt.Errorf("this is not core.wasm: it has no function %s", name)
		}
	}
	if err = c.prepare(ctx); err != nil {
		return err
	}
	version, err := c.module.ExportedFunction("abi_version").Call(ctx)
	if err != nil {
		return err
	}
	if version[0] != 2 {
		return fmt.Errorf("core.wasm speaks ABI %d, this program 2", version[0])
	}
	return nil
}

// prepare makes an instance if there is none.
func (c *Core) prepare(ctx context.Context) (err error) {
	if c.module == nil {
		c.module, err = c.runtime.InstantiateModule(ctx, c.compiled, wazero.NewModuleConfig())
	}
	return err
}

// drop lets the instance go. After a trap nothing is known of its memory.
func (c *Core) drop(ctx context.Context) error {
	module := c.module
	c.module = nil
	return module.Close(ctx)
}

// Close frees all that Load has taken.
func (c *Core) Close(ctx context.Context) error { return c.runtime.Close(ctx) }

// Call runs an operation on a document, UTF-8 JSON. Status 0 comes with its result, 1 with a CNI error object.
func (c *Core) Call(ctx context.Context, operation string, document []byte) (status uint32, answer []byte, err error) {
	if err = c.prepare(ctx); err != nil {
		return 0, nil, err
	}
	function := c.module.ExportedFunction(operation)
	if function == nil {
		return 0, nil, fmt.Errorf("core.wasm has no operation %q", operation)
	}
	status, answer, err = c.run(ctx, function, document)
	if err != nil || c.module.Memory().Size() > mostBytes {
		err = errors.Join(err, c.drop(ctx))
	}
	return status, answer, err
}

func (c *Core) run(ctx context.Context, function api.Function, document []byte) (status uint32, answer []byte, err error) {
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
