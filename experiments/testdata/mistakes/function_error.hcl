locals {
  a = tonumber("ten")
  b = file("nowhere.txt")
  c = range(1e12)
}
