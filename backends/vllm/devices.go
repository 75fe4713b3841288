package vllm

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"matrix/backends"
)

// nvidiaGPUs is where the driver tells of its devices, one folder a PCI address.
const nvidiaGPUs = "/proc/driver/nvidia/gpus"

// nameDevices turns UUIDs in CUDA_VISIBLE_DEVICES into numbers for a vLLM that reads nothing else: 0.22 dies of them
// ("invalid literal for int()"). What the platform declares is left alone, and so is what cannot be translated.
func nameDevices(cmd *backends.Command, spec backends.Spec, i install) {
	if len(spec.GPUs) == 0 || spec.Cell.Platform.Env["CUDA_VISIBLE_DEVICES"] != "" || i.takesUUIDs() {
		return
	}
	if numbers, ok := deviceNumbers(nvidiaGPUs, spec.GPUs); ok {
		cmd.Env["CUDA_VISIBLE_DEVICES"] = numbers
		cmd.Env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID" // else CUDA counts the fastest first
	}
}

// takesUUIDs reads the source for the call that newer versions make, for a version number would not tell of a patched
// one. What cannot be read is taken for new.
func (i install) takesUUIDs() bool {
	text, err := os.ReadFile(filepath.Join(i.site, "vllm", "platforms", "cuda.py"))
	return err != nil || strings.Contains(string(text), "nvmlDeviceGetHandleByUUID")
}

// reUUID finds a GPU in /proc/driver/nvidia/gpus/*/information, which is there without NVML.
var reUUID = regexp.MustCompile(`(?m)^GPU UUID:\s*(\S+)`)

// deviceNumbers are the devices' positions in the order of PCI addresses, "0,2".
func deviceNumbers(root string, uuids []string) (string, bool) {
	files, _ := filepath.Glob(filepath.Join(root, "*", "information"))
	slices.Sort(files)
	at := map[string]string{} // UUID → position
	for n, file := range files {
		text, err := os.ReadFile(file)
		if m := reUUID.FindSubmatch(text); err == nil && m != nil {
			at[string(m[1])] = strconv.Itoa(n)
		}
	}
	var numbers []string
	for _, uuid := range uuids {
		n, ok := at[uuid]
		if !ok {
			return "", false // one that is unknown shifts the meaning of all: better none translated
		}
		numbers = append(numbers, n)
	}
	return strings.Join(numbers, ","), len(numbers) > 0
}
