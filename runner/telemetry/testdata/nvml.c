// An NVML of two devices for nvml_test.go: the first tells everything, the second (handle 2) nothing but its name.
// -DOLD leaves out what an old driver's library lacks. Prototypes and structs are those of NVIDIA's nvml.h.
#include <string.h>

typedef int nvmlReturn_t;
typedef void *nvmlDevice_t;
enum { SUCCESS = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7 };

typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } nvmlMemory_v2_t;
typedef struct { unsigned int gpu, memory; } nvmlUtilization_t;
typedef struct { unsigned int pid; unsigned long long usedGpuMemory; unsigned int gpuInstanceId, computeInstanceId; } nvmlProcessInfo_t;

#define TELLS(device) if ((device) != (nvmlDevice_t)1) return NOT_SUPPORTED

static nvmlReturn_t put(char *to, unsigned int length, const char *text) {
	if (strlen(text) >= length) return INSUFFICIENT_SIZE;
	strcpy(to, text);
	return SUCCESS;
}

nvmlReturn_t nvmlInit_v2(void) { return SUCCESS; }
nvmlReturn_t nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(nvmlReturn_t result) { return result == NOT_SUPPORTED ? "Not Supported" : "Success"; }
nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) { return put(version, length, "580.159.04"); }
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) { *version = 12080; return SUCCESS; }
nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char *name, unsigned int length) { return put(name, length, pid == 40 ? "VLLM::EngineCore" : "Xorg"); }
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) { *device = (nvmlDevice_t)(unsigned long)(index + 1); return SUCCESS; }
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length) { return put(uuid, length, device == (nvmlDevice_t)1 ? "GPU-a" : "GPU-b"); }
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) { return put(name, length, "NVIDIA H200"); }
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) { TELLS(device); memory->total = 150ULL << 30; memory->used = 3ULL << 30; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization) { TELLS(device); utilization->gpu = 75; utilization->memory = 20; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *power) { TELLS(device); *power = 412500; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned int type, unsigned int *clock) { TELLS(device); *clock = type == 1 ? 1980 : type == 2 ? 3201 : 0; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned int sensor, unsigned int *temp) { TELLS(device); *temp = 61 + sensor; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) { TELLS(device); *reasons = 8; return SUCCESS; }

#ifndef OLD
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
	TELLS(device);
	if (memory->version != (sizeof *memory | 2 << 24)) return 25; // NVML_ERROR_ARGUMENT_VERSION_MISMATCH
	memory->total = 150ULL << 30, memory->reserved = 1ULL << 30, memory->used = 2ULL << 30;
	return SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *limit) { TELLS(device); *limit = 700000; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy) { TELLS(device); *energy = 5000000000123ULL; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons) { TELLS(device); *reasons = 4; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, unsigned int counter, unsigned int *value) { TELLS(device); *value = counter == 0 ? 10 : 20; return SUCCESS; }
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos) {
	TELLS(device);
	*count = 2, infos[0].pid = 40, infos[1].pid = 41;
	infos[0].usedGpuMemory = infos[1].usedGpuMemory = ~0ULL; // NVML_VALUE_NOT_AVAILABLE
	return SUCCESS;
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_t *infos) {
	TELLS(device);
	unsigned int room = *count;
	*count = 50;
	if (room < 50) return INSUFFICIENT_SIZE;
	for (unsigned int i = 0; i < 50; i++) infos[i].pid = 40 + 2 * i, infos[i].usedGpuMemory = 1000 + i;
	return SUCCESS;
}
#endif
