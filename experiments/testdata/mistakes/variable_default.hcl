variable "sizes" {
  type    = list(number)
  default = ["ten"]
}
