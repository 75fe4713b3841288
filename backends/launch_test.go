package backends

import "testing"

func TestOpenEnv(t *testing.T) {
	env := OpenEnv(map[string]string{"HF_TOKEN": "x", "VLLM_API_KEY": "x", "VLLM_LOGGING_COLOR": "0"})
	if len(env) != 1 || env["VLLM_LOGGING_COLOR"] != "0" {
		t.Errorf("got %v", env)
	}
}
