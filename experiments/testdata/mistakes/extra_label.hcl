hardware "a" "b" {
  gpu = "x"
}
