package vllm

import (
	"path/filepath"
	"testing"

	"matrix/backends"
	"matrix/experiments/cell"
)

func TestDeviceNumbers(t *testing.T) {
	root := t.TempDir()
	for address, uuid := range map[string]string{"0000:01:00.0": "GPU-b", "0000:81:00.0": "GPU-c", "0000:02:00.0": "GPU-a"} {
		write(t, filepath.Join(root, address, "information"), "Model: \t\t NVIDIA H100\nIRQ:   \t\t 150\nGPU UUID: \t "+uuid+"\nBus Type: \t PCIe\n")
	}
	for want, uuids := range map[string][]string{"0,2": {"GPU-b", "GPU-c"}, "1": {"GPU-a"}} {
		if got, ok := deviceNumbers(root, uuids); !ok || got != want {
			t.Errorf("%v: %q, %v", uuids, got, ok)
		}
	}
	if got, ok := deviceNumbers(root, []string{"GPU-b", "MIG-x"}); ok {
		t.Errorf("an unknown device became %q", got)
	}
}

func TestDevicesStayUUIDsWhereTheyAreUnderstood(t *testing.T) {
	site := t.TempDir()
	write(t, filepath.Join(site, "vllm", "platforms", "cuda.py"), "handle = pynvml.nvmlDeviceGetHandleByUUID(device_id)")
	spec := backends.Spec{GPUs: []string{"GPU-b"}, Cell: &cell.Cell{Platform: &cell.Platform{}}}
	cmd := backends.Command{Env: map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-b"}}
	if nameDevices(&cmd, spec, install{site: site}); cmd.Env["CUDA_VISIBLE_DEVICES"] != "GPU-b" || len(cmd.Env) != 1 {
		t.Errorf("got %v", cmd.Env)
	}
	if (install{site: t.TempDir()}).takesUUIDs() != true {
		t.Error("an install that cannot be read was taken for an old one")
	}
}
