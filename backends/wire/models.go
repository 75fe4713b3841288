package wire

import (
	"context"
	"fmt"
	"strings"
)

// ServedModel is an entry of a server's list of models. All but the ID is told by some servers only.
type ServedModel struct {
	ID          string `json:"id"`            // by which requests name it
	Root        string `json:"root"`          // what was loaded under the ID (vLLM)
	OwnedBy     string `json:"owned_by"`      // "vllm", "llamacpp", "library" (Ollama), or a service's own word
	MaxModelLen *int64 `json:"max_model_len"` // tokens (vLLM); nil of a proxy, or of one that only speaks like vLLM
	Meta        struct {
		Context *int64 `json:"n_ctx"` // tokens
		Bytes   *int64 `json:"size"`  // of the weights
	} `json:"meta"` // llama-server's
}

// Window is the tokens of one request's context, nil where the server does not tell.
func (m ServedModel) Window() *int64 {
	if m.MaxModelLen != nil {
		return m.MaxModelLen
	}
	return m.Meta.Context
}

// ServedModels are those of a server, in its order.
type ServedModels struct{ Data []ServedModel }

// Models asks a server for its models; base ends in /v1. It bears the key: the list is behind it where a server has one. A
// refusal is a *StatusError.
func (d Documents) Models(ctx context.Context, base string) (list ServedModels, err error) {
	err = d.Get(ctx, Join(base, "/models"), &list)
	return list, err
}

// Find is the model of a name, or of what was loaded under another. The error has the names that there are.
func (l ServedModels) Find(want string) (ServedModel, error) {
	var names []string
	for _, m := range l.Data {
		if m.ID == want || m.Root == want {
			return m, nil
		}
		names = append(names, m.ID)
	}
	return ServedModel{}, fmt.Errorf("no model %q there, only %s", want, strings.Join(names, ", "))
}
