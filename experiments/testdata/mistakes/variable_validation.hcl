variable "sizes" {
  type    = list(number)
  default = [10, 0]

  validation {
    condition     = min(var.sizes...) >= 1
    error_message = "Batch sizes start at 1, not ${min(var.sizes...)}."
  }
}
