decision "d" {
  weights = { performanse = 40, reliability = "high", simplicity = -1 }
  require = { success_rate = "all" }
  goals   = { tok_s = "more" }
}
