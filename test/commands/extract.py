"""Extracts what the AWS CLI says of some of its commands.

Reads a JSON list of {"command": "rds describe-db-clusters", "output": true} from
standard input, and writes for each the options with their form, and the form of the
answer where it is asked for. A form is a word for a scalar, a list of words for an
enumeration, {"list": form}, {"map": form} or {"members": {name: form}}. Nothing is
asked of AWS.
"""
import importlib.metadata
import json
import sys

import awscli.clidriver

WORDS = {"timestamp": "timestamp", "blob": "blob", "boolean": "boolean", "integer": "integer",
         "long": "integer", "float": "number", "double": "number"}


def form(shape, outer=()):
    if shape.name in outer:
        return "any"  # a shape inside itself
    within = outer + (shape.name,)
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False):
            return "any"
        return {"members": {name: form(member, within) for name, member in shape.members.items()}}
    if shape.type_name == "list":
        return {"list": form(shape.member, within)}
    if shape.type_name == "map":
        return {"map": form(shape.value, within)}
    return list(getattr(shape, "enum", None) or []) or WORDS.get(shape.type_name, "string")


def option(argument):
    shape = getattr(argument, "argument_model", None)
    what = form(shape) if shape is not None else {"boolean": "boolean"}.get(argument.cli_type_name, "string")
    return {"required": True, "form": what} if argument.required else {"form": what}


def table(command):
    found = getattr(command, "subcommand_table", None)
    if found is not None:
        return found
    getter = getattr(command, "_get_command_table", None)
    return getter() if getter else {}


def find(root, words):
    command = root
    for word in words:
        command = table(command).get(word)
        if command is None:
            return None
    return command


def main():
    driver = awscli.clidriver.create_clidriver()
    commands = {}
    for wanted in json.load(sys.stdin):
        command = find(driver, wanted["command"].split())
        if command is None or table(command):
            continue  # the test says that there is no such command
        entry = {"options": {name: option(argument) for name, argument in command.arg_table.items()}}
        model = getattr(command, "_operation_model", None)
        if wanted["output"] and model is not None and model.output_shape is not None:
            entry["output"] = form(model.output_shape)
        commands[wanted["command"]] = entry
    services = {word: sorted(table(find(driver, [word]))) for word in sorted({name.split()[0] for name in commands})}
    print('{"source": %s,' % json.dumps("awscli " + importlib.metadata.version("awscli")))
    for name, content in (("services", services), ("commands", commands)):
        lines = ["%s: %s" % (json.dumps(key), json.dumps(content[key], sort_keys=True, separators=(",", ":"))) for key in sorted(content)]
        print('"%s": {\n%s\n}%s' % (name, ",\n".join(lines), "," if name == "services" else "}"))


main()
