locals {
  a = toupper("x")
  b = maxx(1, 2)
}
