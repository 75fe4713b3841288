# --var overnigth=true
# --var overnight=perhaps
# --var sizes=[1,
variable "overnight" {
  type    = bool
  default = false
}

variable "sizes" {
  type    = list(number)
  default = [10]
}
