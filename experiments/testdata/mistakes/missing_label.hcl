hardware {
  gpu = "x"
}
