locals {
  a = local.b + 1
  b = local.c
  c = local.a
}
