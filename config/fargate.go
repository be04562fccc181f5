package config

import (
	"fmt"
	"slices"
)

// fargateMemory is what a task may have for each CPU size from 512 units on, in
// MiB: from least to most in steps ("Amazon ECS task definition parameters for
// Fargate"). The smallest CPU size follows no step.
var fargateMemory = map[int]struct{ least, most, step int }{
	512:   {1024, 4096, 1024},
	1024:  {2048, 8192, 1024},
	2048:  {4096, 16384, 1024},
	4096:  {8192, 30720, 1024},
	8192:  {16384, 61440, 4096},
	16384: {32768, 122880, 8192},
}

// smallestTask is the one CPU size with a list of memory sizes.
var smallestTask = struct {
	cpu       int
	memoryMiB []int
}{256, []int{512, 1024, 2048}}

// fargateOffers says whether Fargate has a task of the size.
func fargateOffers(cpu, memoryMiB int) bool {
	if cpu == smallestTask.cpu {
		return slices.Contains(smallestTask.memoryMiB, memoryMiB)
	}
	memory, known := fargateMemory[cpu]
	return known && memory.least <= memoryMiB && memoryMiB <= memory.most && (memoryMiB-memory.least)%memory.step == 0
}

// fargateSizes says what memory a CPU size may have, or which sizes there are.
func fargateSizes(cpu int) string {
	if cpu == smallestTask.cpu {
		return fmt.Sprintf("one of %v MiB for CPU %d", smallestTask.memoryMiB, cpu)
	}
	if memory, known := fargateMemory[cpu]; known {
		return fmt.Sprintf("%d to %d MiB in steps of %d for CPU %d", memory.least, memory.most, memory.step, cpu)
	}
	return fmt.Sprintf("CPU 256, 512, 1024, 2048, 4096, 8192 or 16384, not %d", cpu)
}
