#!/usr/bin/env python3
"""What the shaders take of real cards: registers, spills and instructions, by a driver's compiler and without a card.

    pip install vulkan
    VK_DRIVER_FILES=/usr/share/vulkan/icd.d/radeon_icd.json benches/registers.py [FAMILY …]

Mesa's driver for AMD compiles for any family of cards where RADV_FORCE_FAMILY names it (navi31 and vega10 without arguments); nothing is run. Writes every
shader as SPIR-V first, by an ignored test, and prints Markdown. SHADEGRID_SPIRV names a folder where that test has written them already.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
FAMILIES = ("navi31", "vega10")

# What the driver calls its figures, by column.
COLUMNS = {"VGPRs": "vector registers", "SGPRs": "scalar registers", "Spilled VGPRs": "spilled vectors", "Spilled SGPRs": "spilled scalars",
           "LDS size": "workgroup memory, bytes", "Scratch size": "scratch, bytes", "Instructions": "instructions", "Subgroups per SIMD": "waves a SIMD"}


def shaders(folder):
    if "SHADEGRID_SPIRV" in os.environ:
        return sorted(pathlib.Path(os.environ["SHADEGRID_SPIRV"]).glob("*.spv"))
    test = ["cargo", "test", "--locked", "--features", "gpu", "--lib", "--", "--ignored", "spirv_of_every"]
    subprocess.run(test, cwd=ROOT, env={**os.environ, "SHADEGRID_SPIRV": str(folder)}, check=True, stdout=subprocess.DEVNULL)
    return sorted(folder.glob("*.spv"))


def bindings(words):
    """Group, binding and whether it is a uniform, of each buffer of a module (SPIR-V 1.6: OpDecorate, OpVariable)."""
    group, binding, kinds, at = {}, {}, {}, 5
    while at < len(words):
        length, code = words[at] >> 16, words[at] & 0xFFFF
        if code == 71 and words[at + 2] in (33, 34):
            (binding if words[at + 2] == 33 else group)[words[at + 1]] = words[at + 3]
        if code == 59:
            kinds[words[at + 2]] = words[at + 3] == 2
        at += length
    return sorted((group[name], binding[name], kinds[name]) for name in binding)


def figures(path):
    import vulkan as vk

    code = path.read_bytes()
    words = [int.from_bytes(code[at:at + 4], "little") for at in range(0, len(code), 4)]
    instance = vk.vkCreateInstance(vk.VkInstanceCreateInfo(pApplicationInfo=vk.VkApplicationInfo(apiVersion=vk.VK_MAKE_VERSION(1, 2, 0))), None)
    card = vk.vkEnumeratePhysicalDevices(instance)[0]
    queue = vk.VkDeviceQueueCreateInfo(queueFamilyIndex=0, queueCount=1, pQueuePriorities=[1.0])
    wanted = vk.VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR(pipelineExecutableInfo=True)
    device = vk.vkCreateDevice(card, vk.VkDeviceCreateInfo(
        pNext=wanted, pQueueCreateInfos=[queue], ppEnabledExtensionNames=["VK_KHR_pipeline_executable_properties"]), None)
    module = vk.vkCreateShaderModule(device, vk.VkShaderModuleCreateInfo(codeSize=len(code), pCode=code), None)
    sets, found = [], bindings(words)
    for group in range(1 + max(group for group, _, _ in found)):
        of_group = [vk.VkDescriptorSetLayoutBinding(
            binding=binding, descriptorCount=1, stageFlags=vk.VK_SHADER_STAGE_COMPUTE_BIT,
            descriptorType=vk.VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER if is_uniform else vk.VK_DESCRIPTOR_TYPE_STORAGE_BUFFER)
            for of, binding, is_uniform in found if of == group]
        sets.append(vk.vkCreateDescriptorSetLayout(device, vk.VkDescriptorSetLayoutCreateInfo(pBindings=of_group), None))
    layout = vk.vkCreatePipelineLayout(device, vk.VkPipelineLayoutCreateInfo(pSetLayouts=sets), None)
    name = re.search(rb"^(?:jpeg-\d+-)?([a-z_0-9]+)", path.stem.encode()).group(1).decode()
    stage = vk.VkPipelineShaderStageCreateInfo(stage=vk.VK_SHADER_STAGE_COMPUTE_BIT, module=module, pName=name)
    pipeline = vk.vkCreateComputePipelines(device, None, 1, [vk.VkComputePipelineCreateInfo(
        flags=vk.VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR, stage=stage, layout=layout)], None)[0]
    ask = vk.vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR")
    info = vk.VkPipelineExecutableInfoKHR(pipeline=pipeline, executableIndex=0)
    return {one.name if isinstance(one.name, str) else vk.ffi.string(one.name).decode(): one.value.u64 for one in ask(device, info)}


def main():
    families = sys.argv[1:] or FAMILIES
    with tempfile.TemporaryDirectory() as folder:
        paths = shaders(pathlib.Path(folder))
        for family in families:
            print(f"\n{family}\n\n| shader | " + " | ".join(COLUMNS.values()) + " |\n|" + " --- |" * (1 + len(COLUMNS)))
            for path in paths:
                # The driver reads the family once in a process.
                printed = subprocess.run([sys.executable, __file__, "--one", str(path)], env={**os.environ, "RADV_FORCE_FAMILY": family},
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
                print(f"| {path.stem} | {printed.strip()} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        of = figures(pathlib.Path(sys.argv[2]))
        print(" | ".join(str(of.get(name, "")) for name in COLUMNS))
    else:
        main()
