// What a process costs that does nothing with LibTorch but be linked to it.

#include <ATen/ATen.h>

int main() { return at::ones({1}).numel() == 1 ? 0 : 1; }
